// Package embedding holds nothing but tests of what programs that embed Portico
// rely on: the public names, the modules that they link, and the code in the
// documentation.
package embedding
