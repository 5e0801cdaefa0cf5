package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

func block1() {
	var mu sync.Mutex
	var done []int
	work := func(i int) {
		mu.Lock()
		defer mu.Unlock()
		done = append(done, i)
	}
	// block 1
	slices.Sort(done)
	fmt.Println(done)
	// Output:
	// [0 1 2]
}

func fetch(ctx context.Context, url string) error {
	if url == "/gone" {
		return fmt.Errorf("not found: %s", url)
	}
	<-ctx.Done() // which the first error ends
	return ctx.Err()
}

func block2() {
	urls := []string{"/", "/docs", "/gone"}
	// block 2
}
