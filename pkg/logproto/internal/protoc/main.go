// Command protoc generates the Go code of the .proto files of this repository. It does
// the work of the program of that name, with a compiler and plugins that are Go
// modules like any other, so that nothing has to be installed.
//
//	go run ./pkg/logproto/internal/protoc         # write the .pb.go files
//	go run ./pkg/logproto/internal/protoc -check  # fail if they are not up to date
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// plugins make the code of messages and of services; go.mod names them as tools.
var plugins = []string{"protoc-gen-go", "protoc-gen-go-grpc"}

func main() {
	check := flag.Bool("check", false, "Compare with the files that are there, and write nothing.")
	root := flag.String("root", "pkg", "Folder that imports of .proto files are relative to.")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run generates what the .proto files one folder below root describe.
func run(root string, check bool) error {
	paths, err := filepath.Glob(filepath.Join(root, "*", "*.proto"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("no .proto files below %s: run this in the root of the repository", root)
	}
	request, err := compile(root, paths)
	if err != nil {
		return err
	}
	var stale []error
	for _, plugin := range plugins {
		files, err := generate(plugin, request)
		if err != nil {
			return fmt.Errorf("%s: %w", plugin, err)
		}
		for _, f := range files {
			path := filepath.Join(root, filepath.FromSlash(f.GetName()))
			if !check {
				if err := os.WriteFile(path, []byte(f.GetContent()), 0o644); err != nil {
					return err
				}
				continue
			}
			if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, []byte(f.GetContent())) {
				stale = append(stale, fmt.Errorf("%s is not up to date: run `make proto`", path))
			}
		}
	}
	return errors.Join(stale...)
}

// compile returns what a plugin is told about the files and all they import.
func compile(root string, paths []string) (*pluginpb.CodeGeneratorRequest, error) {
	request := &pluginpb.CodeGeneratorRequest{Parameter: proto.String("paths=source_relative")}
	for _, path := range paths {
		name, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		request.FileToGenerate = append(request.FileToGenerate, filepath.ToSlash(name))
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{root}}),
		SourceInfoMode: protocompile.SourceInfoStandard, // comments become comments
	}
	files, err := compiler.Compile(context.Background(), request.FileToGenerate...)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, f := range files {
		request.ProtoFile = appendFile(request.ProtoFile, f, seen)
	}
	return request, nil
}

// appendFile appends f behind the files that it imports, each once.
func appendFile(dst []*descriptorpb.FileDescriptorProto, f protoreflect.FileDescriptor, seen map[string]bool) []*descriptorpb.FileDescriptorProto {
	if seen[f.Path()] {
		return dst
	}
	seen[f.Path()] = true
	for i := range f.Imports().Len() {
		dst = appendFile(dst, f.Imports().Get(i).FileDescriptor, seen)
	}
	return append(dst, protoutil.ProtoFromFileDescriptor(f))
}

// generate runs a plugin: a program that reads a request and writes a response.
func generate(plugin string, request *pluginpb.CodeGeneratorRequest) ([]*pluginpb.CodeGeneratorResponse_File, error) {
	in, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "tool", plugin)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(out, &response); err != nil {
		return nil, err
	}
	if response.Error != nil {
		return nil, errors.New(response.GetError())
	}
	return response.File, nil
}
