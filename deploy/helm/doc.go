// Package helm tests the chart of Portico in the folder portico: by helm itself, and by
// the types of the Kubernetes API. It holds no code.
package helm
