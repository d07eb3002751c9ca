package entry

import _ "unsafe" // for go:linkname

// programMain is the main of the program that this is linked into. A component has no start of its own: the first call runs it.
//
//go:linkname programMain main.main
func programMain()
