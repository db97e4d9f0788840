package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// contentTools answer with each kind of content.
func contentTools() []tool {
	picture := &mcp.ImageContent{Data: redPixel(), MIMEType: "image/png"}
	sound := &mcp.AudioContent{Data: silence(), MIMEType: "audio/wav"}
	return []tool{
		{name: "test_simple_text", description: "Answers with a text", handler: answer(text("This is a simple text response for testing."))},
		{name: "test_image_content", description: "Answers with an image", handler: answer(picture)},
		{name: "test_audio_content", description: "Answers with a sound", handler: answer(sound)},
		{name: "test_embedded_resource", description: "Answers with a resource", handler: answer(
			resource("test://embedded-resource", "text/plain", "This is an embedded resource content."))},
		{name: "test_multiple_content_types", description: "Answers with a text, an image and a resource", handler: answer(
			text("Multiple content types test:"), picture,
			resource("test://mixed-content-resource", "application/json", `{"test":"data","value":123}`))},
		{name: "test_error_handling", description: "Answers with an error", handler: failing},
	}
}

func failing(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{text("This tool intentionally returns an error for testing")}}, nil
}

func resource(uri, mimeType, content string) *mcp.EmbeddedResource {
	return &mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: uri, MIMEType: mimeType, Text: content}}
}

// redPixel is a PNG of one pixel.
func redPixel() []byte {
	picture := image.NewRGBA(image.Rect(0, 0, 1, 1))
	picture.Set(0, 0, color.RGBA{R: 255, A: 255})
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// silence is a WAV of eight samples, 8 bit, mono, at 8 kHz.
func silence() []byte {
	const rate, samples = 8000, 8
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, binary.LittleEndian, v) // a buffer takes everything
		}
	}
	put([]byte("RIFF"), uint32(36+samples), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1))
	put(uint32(rate), uint32(rate), uint16(1), uint16(8), []byte("data"), uint32(samples))
	put(bytes.Repeat([]byte{0x80}, samples))
	return b.Bytes()
}
