// pause keeps a pod's sandbox open: it waits until it is told to end. Its image is the sandbox image of the real node.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	<-ended
}
