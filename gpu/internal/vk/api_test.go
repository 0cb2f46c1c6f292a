package vk

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBindingCallsAreSafe keeps the binding's calls with slices of structures, which read freed memory, out of reach: only loader.go
// imports it, and uses only what is listed here.
func TestBindingCallsAreSafe(t *testing.T) {
	const path = `"github.com/vulkan-go/vulkan"`
	safe := map[string]bool{
		"SetGetInstanceProcAddr": true, "Init": true, "InitInstance": true, // function tables
		"NewInstanceCreateInfoRef": true, "CreateInstance": true, // a structure that C has built
		"EnumeratePhysicalDevices": true, "Instance": true, "PhysicalDevice": true, // handles only
	}
	var importers []string
	err := filepath.WalkDir("../..", func(file string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".go") {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return err
		}
		for _, i := range tree.Imports {
			if i.Path.Value == path {
				importers = append(importers, filepath.Base(file))
				require.Equal(t, "binding", i.Name.Name)
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "binding" && filepath.Base(file) == "loader.go" {
					assert.True(t, safe[s.Sel.Name], "%s uses binding.%s", file, s.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"loader.go"}, importers)
}

func TestErrors(t *testing.T) {
	require.NoError(t, check("vkQueueSubmit", Success))
	require.NoError(t, check("vkWaitSemaphores", Timeout))
	err := check("vkQueueSubmit", ErrorDeviceLost)
	var e *Error
	require.True(t, errors.As(err, &e))
	require.Equal(t, ErrorDeviceLost, e.Result)
	require.EqualError(t, err, "vkQueueSubmit: VK_ERROR_DEVICE_LOST")
	require.Equal(t, "VkResult(-12345)", Result(-12345).String())
}
