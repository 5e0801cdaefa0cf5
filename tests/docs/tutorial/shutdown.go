package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func serve(ctx context.Context) {
	syscall.Kill(syscall.Getpid(), syscall.SIGTERM)
	<-ctx.Done()
}

func finish() { fmt.Println("finishing") }

func block1() {
	// block 1
	// Output:
	// finishing
}
