package container

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// maxLine is where a long line is cut into parts, as container runtimes do.
const maxLine = 16 << 10

// LogFile writes a container's output in the CRI format that the kubelet reads:
// "<time> <stream> <F|P> <text>".
type LogFile struct {
	path string
	now  func() time.Time

	mu   sync.Mutex
	file *os.File
}

// NewLogFile opens (and appends to) the log at path.
func NewLogFile(path string) (*LogFile, error) {
	file, err := openLog(path)
	if err != nil {
		return nil, err
	}
	return &LogFile{path: path, now: time.Now, file: file}, nil
}

func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
}

// Reopen goes on in a new file at the same path: the kubelet has renamed the old one.
func (l *LogFile) Reopen() error {
	file, err := openLog(l.path)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.file
	l.file = file
	return old.Close()
}

// Close closes the file.
func (l *LogFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// Copy writes all that reader gives as the stream called name, line by line, as it comes.
func (l *LogFile) Copy(name string, reader io.Reader) {
	buffer := make([]byte, maxLine)
	var pending []byte
	for {
		n, err := reader.Read(buffer)
		pending = l.lines(name, append(pending, buffer[:n]...))
		if err != nil {
			if len(pending) > 0 {
				l.line(name, "F", pending)
			}
			return
		}
	}
}

// lines writes the whole lines of data, cuts what is too long and returns the rest.
func (l *LogFile) lines(name string, data []byte) []byte {
	for {
		end := bytes.IndexByte(data, '\n')
		switch {
		case end >= 0 && end <= maxLine:
			l.line(name, "F", data[:end])
			data = data[end+1:]
		case len(data) > maxLine:
			l.line(name, "P", data[:maxLine])
			data = data[maxLine:]
		default:
			return append([]byte{}, data...)
		}
	}
}

func (l *LogFile) line(name, tag string, text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stamp := l.now().UTC().Format(time.RFC3339Nano)
	fmt.Fprintf(l.file, "%s %s %s %s\n", stamp, name, tag, text)
}
