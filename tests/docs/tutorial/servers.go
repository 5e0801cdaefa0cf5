package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
)

func block1() {
	// block 1
	s := &store{users: map[int]string{1: "Ada"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", s.get)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := &http.Server{Handler: mux}
	defer server.Close()
	go server.Serve(listener)
	for id := range 2 {
		answer, err := http.Get(fmt.Sprintf("http://%v/users/%d", listener.Addr(), id+1))
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		fmt.Print(answer.StatusCode, " ", string(body))
	}
	// Output:
	// 200 Ada
	// 404 no such user
}

type Conn struct{}

func dial() *Conn { return new(Conn) }

func block2() {
	ctx, cancel := context.WithCancel(context.Background())
	var use func(*Conn)
	query := func() error {
		// block 2
		return nil
	}
	use = func(*Conn) { fmt.Println("used one") }
	fmt.Println(query())
	use = func(*Conn) { panic("who had it is gone") }
	cancel()
	_ = ctx
	// Output:
	// used one
	// <nil>
}

type client struct{ outbox chan string }

type hub struct {
	clients     map[*client]bool
	join, leave chan *client
	say         chan string
}

func (hub *hub) run() {
	// block 3
}

func block3() {
	h := &hub{map[*client]bool{}, make(chan *client), make(chan *client), make(chan string)}
	go h.run()
	quick, slow := &client{make(chan string, 10)}, &client{make(chan string, 1)}
	h.join <- quick
	h.join <- slow
	for _, word := range []string{"hello", "everybody", "here"} {
		h.say <- word
	}
	h.leave <- quick
	for word := range quick.outbox {
		fmt.Println(word)
	}
	fmt.Println("the slow one has", len(slow.outbox))
	// Output:
	// hello
	// everybody
	// here
	// the slow one has 1
}
