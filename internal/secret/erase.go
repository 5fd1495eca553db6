//go:build goexperiment.runtimesecret

package secret

import rt "runtime/secret"

// Do runs f and erases what it left in registers, on the stack and, once
// collected, on the heap. In builds without the experiment it only runs f.
func Do(f func()) { rt.Do(f) }

// Erases says whether Do erases in this build.
const Erases = true
