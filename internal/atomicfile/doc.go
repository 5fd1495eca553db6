// Package atomicfile is the only writer of files that others read. Whoever opens a file
// that it writes reads the old bytes or the new ones, also after SIGKILL or a
// power cut at any instruction, and nobody who may not read the result can read
// it on the way there.
//
// One file is replaced in this order, every name relative to one open directory:
//
//	create .livekey-…    O_EXCL, 0600: nobody can have put it there, nobody else reads it
//	fchown, fchmod       by descriptor, so the final name never has another owner or mode
//	write, fsync         a rename may reach the disk before data that was not synced
//	read back            the last moment at which a bad write costs nothing
//	renameat             replaces a symbolic link instead of following it
//	fsync the directory  until then a power cut may bring the old name back
//
// Several files that must change together are a generation: see [Dir.Flip].
//
// An fsync that failed is never repeated on the same descriptor: the kernel
// reports a lost page once and calls it clean afterwards. Whoever wants another
// try starts from a new temporary file.
package atomicfile
