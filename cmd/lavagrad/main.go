package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
)

// Exit statuses.
const (
	statusOK = iota
	statusFailed
	statusUsage
)

// command is one of the program's commands.
type command struct {
	about string // one line for the usage text
	run   func(ctx context.Context, args []string, stdout, stderr io.Writer) (status int)
}

var commands = map[string]command{
	"doctor": {"what Vulkan offers here, which device is taken, and whether a kernel runs right on it", doctor},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run carries out a command line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (status int) {
	if len(args) == 0 {
		usage(stderr)
		return statusUsage
	}
	switch name := args[0]; name {
	case "help", "-h", "-help", "--help":
		usage(stdout)
		return statusOK
	default:
		c, ok := commands[name]
		if !ok {
			fmt.Fprintf(stderr, "lavagrad: there is no command %q\n\n", name)
			usage(stderr)
			return statusUsage
		}
		return c.run(ctx, args[1:], stdout, stderr)
	}
}

func usage(w io.Writer) {
	fmt.Fprint(w, "usage: lavagrad COMMAND [flags]\n\ncommands:\n")
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		fmt.Fprintf(w, "  %-8s  %s\n", name, commands[name].about)
	}
	fmt.Fprint(w, "\nlavagrad COMMAND -help lists a command's flags.\n")
}
