// Functions of steps that do not fail: outputs, loops, texts, sizes.

package main

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"pawl.dev/pawl"
)

var _ = pawl.Function(on("plain"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	data, err := pawl.Data[struct{ Name string }](ctx.Event)
	if err != nil {
		return nil, err
	}
	greeting, err := pawl.Run(step, "greet", give("hello "+data.Name))
	if err != nil {
		return nil, err
	}
	type measured struct {
		Length int `json:"length"`
	}
	measure, err := pawl.Run(step, "measure", func(pawl.Attempt) (measured, error) {
		return measured{utf8.RuneCountInString(greeting)}, nil
	})
	if err != nil {
		return nil, err
	}
	return fields{
		"greeting": greeting, "length": measure.Length, "run": ctx.RunID, "function": ctx.FunctionID,
		"event": ctx.Event.Name, "id": ctx.Event.ID, "attempt": ctx.Attempt,
	}, nil
})

var _ = pawl.Function(on("loop"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	var indices []int
	for i := range 3 {
		index, err := pawl.Run(step, "same", give(i))
		if err != nil {
			return nil, err
		}
		indices = append(indices, index)
	}
	return indices, nil
})

var _ = pawl.Function(on("unicode"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	data, err := pawl.Data[struct{ Text string }](ctx.Event)
	if err != nil {
		return nil, err
	}
	text, err := pawl.Run(step, "größe 尺寸 🎉", give(data.Text))
	return fields{"text": text, "bytes": len(text)}, err
})

var _ = pawl.Function(on("big"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	data, err := pawl.Data[struct{ Bytes int }](ctx.Event)
	if err != nil {
		return nil, err
	}
	made, err := pawl.Run(step, "make", func(pawl.Attempt) (string, error) {
		return strings.Repeat("x", data.Bytes), nil
	})
	if err != nil {
		return nil, err
	}
	length, err := pawl.Run(step, "measure", give(len(made)))
	if err != nil {
		return nil, err
	}
	return fields{"length": length, "tail": made[max(0, len(made)-3):]}, nil
})

var _ = pawl.Function(on("thousand"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	data, err := pawl.Data[struct{ N int }](ctx.Event)
	if err != nil {
		return nil, err
	}
	last := 0
	for i := range data.N {
		if last, err = pawl.Run(step, "step "+strconv.Itoa(i), give(last+1)); err != nil {
			return nil, err
		}
	}
	return last, nil
})
