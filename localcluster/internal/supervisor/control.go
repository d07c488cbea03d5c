package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"modelservice.dev/localcluster/internal/state"
)

// Request is what the command line asks of a running cluster. A forward carries its listening
// socket along: it was made outside, where we cannot make one.
type Request struct {
	Action string `json:"action"` // stop-node, start-node, forward, forwarded
	Target string `json:"target"`
}

// Answer is the reply; Error is empty when all went well.
type Answer struct {
	Error string `json:"error"`
	Value string `json:"value"`
}

func (s *supervisor) takeRequests() error {
	_ = os.Remove(s.Dir.Control())
	var listener *net.UnixListener
	err := s.Dir.WithControl(func(path string) (err error) {
		listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		return err
	})
	if err != nil {
		return err
	}
	go func() {
		for {
			connection, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			go s.answer(connection)
		}
	}()
	return nil
}

func (s *supervisor) answer(connection *net.UnixConn) {
	defer connection.Close()
	data, rights := make([]byte, 4096), make([]byte, 128)
	n, rn, _, _, err := connection.ReadMsgUnix(data, rights)
	if err != nil {
		return
	}
	var request Request
	var answer Answer
	if err := json.Unmarshal(data[:n], &request); err != nil {
		answer.Error = err.Error()
	} else if answer.Value, err = s.handle(request, rights[:rn]); err != nil {
		answer.Error = err.Error()
	}
	_ = json.NewEncoder(connection).Encode(answer)
}

func (s *supervisor) handle(request Request, rights []byte) (string, error) {
	switch request.Action {
	case "stop-node":
		return "", s.stopNode(request.Target)
	case "start-node":
		return "", s.startNode(request.Target)
	case "forwarded":
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.forwards[request.Target], nil
	case "forward":
		return s.addForward(request.Target, rights)
	}
	return "", fmt.Errorf("unknown request %q", request.Action)
}

func (s *supervisor) addForward(target string, rights []byte) (string, error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return "", errors.Join(err, errors.New("no socket came with the request"))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return "", errors.Join(err, errors.New("no socket came with the request"))
	}
	listener, err := inherited(uintptr(fds[0]))
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.forwards[target]; known != "" {
		listener.Close()
		return known, nil
	}
	s.forwards[target] = listener.Addr().String()
	go forward(listener, target)
	return s.forwards[target], nil
}

// Ask sends a request, and a socket if there is one, to the cluster in dir.
func Ask(dir state.Dir, request Request, socket *os.File) (string, error) {
	var connection *net.UnixConn
	err := dir.WithControl(func(path string) (err error) {
		connection, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("the cluster does not answer: %w", err)
	}
	defer connection.Close()
	data, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	var rights []byte
	if socket != nil {
		rights = unix.UnixRights(int(socket.Fd()))
	}
	if _, _, err := connection.WriteMsgUnix(data, rights, nil); err != nil {
		return "", err
	}
	var answer Answer
	if err := json.NewDecoder(connection).Decode(&answer); err != nil {
		return "", err
	}
	if answer.Error != "" {
		return "", errors.New(answer.Error)
	}
	return answer.Value, nil
}
