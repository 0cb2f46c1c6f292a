package gpu

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

// DriverProblem says why a driver that a manifest announces cannot be used.
type DriverProblem struct {
	Manifest string // the .json file that announces the driver
	Library  string // its library, as far as known
	Reason   string
}

const swiftshaderManifest = "vk_swiftshader_icd.json"

// addDriverFiles is the loader's variable for more drivers, understood since loader 1.3.207.
const addDriverFiles = "VK_ADD_DRIVER_FILES"

// swiftshaderPath finds SwiftShader's manifest: in $LAVAGRAD_SWIFTSHADER, else in the cache folder; "" if there is none.
func swiftshaderPath() (path string, problem *DriverProblem) {
	if given := os.Getenv("LAVAGRAD_SWIFTSHADER"); given != "" {
		if info, err := os.Stat(given); err == nil && info.IsDir() {
			given = filepath.Join(given, swiftshaderManifest)
		}
		if _, err := os.Stat(given); err != nil {
			return "", &DriverProblem{Manifest: given, Reason: "LAVAGRAD_SWIFTSHADER names it, but it cannot be read: " + err.Error()}
		}
		return absolute(given), nil
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", nil
		}
		cache = filepath.Join(home, ".cache")
	}
	path = filepath.Join(cache, "lavagrad", "swiftshader", swiftshaderManifest)
	if _, err := os.Stat(path); err != nil {
		return "", nil
	}
	return absolute(path), nil
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// userDrivers returns the user's own list of driver manifests, and whether there is one: then only these are used.
func userDrivers() ([]string, bool) {
	for _, name := range []string{"VK_DRIVER_FILES", "VK_ICD_FILENAMES"} {
		if list := os.Getenv(name); list != "" {
			return filepath.SplitList(list), true
		}
	}
	return nil, false
}

// manifestFolders lists where the loader looks for driver manifests on Linux, in its order
// (https://vulkan.lunarg.com/doc/view/latest/linux/LoaderDriverInterface.html, "Driver Discovery on Linux").
func manifestFolders() []string {
	home, _ := os.UserHomeDir()
	or := func(name, otherwise string) string {
		if v := os.Getenv(name); v != "" {
			return v
		}
		return otherwise
	}
	var roots []string
	roots = append(roots, or("XDG_CONFIG_HOME", filepath.Join(home, ".config")))
	roots = append(roots, filepath.SplitList(or("XDG_CONFIG_DIRS", "/etc/xdg"))...)
	roots = append(roots, "/usr/local/etc", "/etc", or("XDG_DATA_HOME", filepath.Join(home, ".local/share")))
	roots = append(roots, filepath.SplitList(or("XDG_DATA_DIRS", "/usr/local/share:/usr/share"))...)
	var folders []string
	for _, root := range roots {
		folder := filepath.Join(root, "vulkan", "icd.d")
		if !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

func systemManifests() []string {
	var list []string
	for _, folder := range manifestFolders() {
		found, _ := filepath.Glob(filepath.Join(folder, "*.json")) // the pattern is well formed: no error is possible
		list = append(list, found...)
	}
	return list
}

// allManifests lists every manifest that is in use.
func allManifests() []string {
	list, only := userDrivers()
	if !only {
		list = append(systemManifests(), filepath.SplitList(os.Getenv(addDriverFiles))...)
		if path, _ := swiftshaderPath(); path != "" {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// announceSwiftshader makes the loader see SwiftShader. It runs once, before the first instance, because the loader reads the
// environment when an instance is created.
var announceSwiftshader = sync.OnceFunc(func() {
	path, _ := swiftshaderPath()
	if _, only := userDrivers(); only || path == "" {
		return
	}
	version, err := vk.LoaderVersion()
	if err != nil {
		return // vk.Open reports the same error
	}
	if version >= 1<<22|3<<12|207 {
		list := filepath.SplitList(os.Getenv(addDriverFiles))
		if !slices.Contains(list, path) {
			setList(addDriverFiles, append(list, path))
		}
		return
	}
	setList("VK_ICD_FILENAMES", append(systemManifests(), path)) // replaces the search, so the system's drivers are named too
})

// setList sets an environment variable; the names are constants, so that cannot fail.
func setList(name string, list []string) {
	_ = os.Setenv(name, strings.Join(list, string(filepath.ListSeparator)))
}

// driverProblems probes every announced driver's library.
func driverProblems() []DriverProblem {
	var problems []DriverProblem
	if _, p := swiftshaderPath(); p != nil {
		problems = append(problems, *p)
	}
	for _, path := range allManifests() {
		library, err := manifestLibrary(path)
		if err == nil {
			err = vk.Probe(library)
		}
		if err != nil {
			problems = append(problems, DriverProblem{path, library, err.Error()})
		}
	}
	return problems
}

// manifestLibrary returns the library of a manifest, as a path or, for a bare file name, a name for the dynamic linker.
func manifestLibrary(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var manifest struct {
		ICD struct {
			Library string `json:"library_path"`
		}
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return "", fmt.Errorf("not a driver manifest: %w", err)
	}
	library := manifest.ICD.Library
	if library == "" {
		return "", errors.New("not a driver manifest: it has no ICD.library_path")
	}
	if strings.ContainsRune(library, filepath.Separator) && !filepath.IsAbs(library) {
		library = filepath.Join(filepath.Dir(path), library)
	}
	return library, nil
}
