package main

import (
	"runtime"
	"sync"
	"time"
)

// lock: one goroutine locks and unlocks n times.
func lock(n, _ int) float64 {
	var mu sync.Mutex
	begin := time.Now()
	for range n {
		mu.Lock()
		mu.Unlock()
	}
	return time.Since(begin).Seconds()
}

// lockOf: `size` goroutines share n locks of one mutex evenly.
func lockOf(n, size int) float64 {
	var mu sync.Mutex
	return together(copies(size, func() {
		for range n / size {
			mu.Lock()
			mu.Unlock()
		}
	})...)
}

// lockAndYield: the same, giving way once while it is locked.
func lockAndYield(n, size int) float64 {
	var mu sync.Mutex
	return together(copies(size, func() {
		for range n / size {
			mu.Lock()
			runtime.Gosched()
			mu.Unlock()
		}
	})...)
}

func copies(count int, job func()) []func() {
	jobs := make([]func(), count)
	for i := range jobs {
		jobs[i] = job
	}
	return jobs
}
