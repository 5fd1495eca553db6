// Package archtest holds which way livekey's packages point, and what only one
// of them may do. It has tests only; each rule says why it is there.
package archtest
