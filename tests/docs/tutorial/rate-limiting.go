package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

func handle(req string) { fmt.Println("handled", req) }

func block1() {
	requests := make(chan string, 3)
	for _, req := range []string{"a", "b", "c"} {
		requests <- req
	}
	close(requests)
	// block 1
}

func block2() {
	ctx, requests := context.Background(), 0
	request := func() { requests++ }
	// block 2
	fmt.Println(requests, "requests")
	// Output:
	// too many
	// 5 requests
}
