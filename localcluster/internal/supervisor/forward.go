package supervisor

import (
	"io"
	"net"
	"time"
)

// forward carries every connection of listener to the address inside. It ends with the listener.
func forward(listener net.Listener, address string) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go carry(connection, address)
	}
}

func carry(outer net.Conn, address string) {
	defer outer.Close()
	inner, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return
	}
	defer inner.Close()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{inner, outer}, {outer, inner}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			if half, ok := pair[0].(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
			done <- struct{}{}
		}()
	}
	<-done
	<-done
}
