package host

import (
	_ "syscall"
	_ "unsafe"
)

// cwd is where Go looks for files with relative paths: by itself in the first of the granted folders, and a path such as data/words.txt is
// then not found. As "." paths are those that the pipeline grants.
//
//go:linkname cwd syscall.cwd
var cwd string

func init() { cwd = "." }
