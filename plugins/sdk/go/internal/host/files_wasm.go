package host

import (
	_ "syscall"
	_ "unsafe"
)

// opendir is syscall's own type for a folder that the host has opened.
type opendir struct {
	fd   int32
	name string
}

// preopens are the granted folders, and those that granted files lie in, under the names that the pipeline has for them. Go compares them with
// the whole path of a file, which never begins with ".": what lies beside the pipeline file was not found.
//
//go:linkname preopens syscall.preopens
var preopens []opendir

// cwd is where Go looks for files with relative paths: by itself in the first of the granted folders, and a path such as data/words.txt is
// then not found.
//
//go:linkname cwd syscall.cwd
var cwd string

// From "/" on, all of these are what the pipeline grants.
func init() {
	for i, dir := range preopens {
		preopens[i].name = "/"
		if dir.name != "." {
			preopens[i].name += dir.name
		}
	}
	cwd = "/"
}
