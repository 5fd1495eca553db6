//go:build !goexperiment.runtimesecret

package secret

// Do runs f. In a build with GOEXPERIMENT=runtimesecret it also erases what f
// left in registers, on the stack and, once collected, on the heap.
func Do(f func()) { f() }

// Erases says whether Do erases in this build.
const Erases = false
