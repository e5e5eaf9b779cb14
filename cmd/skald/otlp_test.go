package main_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	otellog "go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
)

// TestOpenTelemetry: what a program logs through the OpenTelemetry SDK arrives,
// over HTTP and over gRPC.
func TestOpenTelemetry(t *testing.T) {
	s := newServer(t, t.TempDir())
	s.start()
	ctx := t.Context()
	overHTTP := func(opts ...otlploghttp.Option) (sdklog.Exporter, error) {
		return otlploghttp.New(ctx, append(opts, otlploghttp.WithEndpointURL("http://"+s.http+"/otlp/v1/logs"))...)
	}
	overGRPC := func(opts ...otlploggrpc.Option) (sdklog.Exporter, error) {
		return otlploggrpc.New(ctx, append(opts, otlploggrpc.WithInsecure(), otlploggrpc.WithEndpoint(s.grpc))...)
	}
	for name, open := range map[string]func() (sdklog.Exporter, error){
		"http": func() (sdklog.Exporter, error) { return overHTTP() },
		"http-gzip": func() (sdklog.Exporter, error) {
			return overHTTP(otlploghttp.WithCompression(otlploghttp.GzipCompression))
		},
		"grpc":      func() (sdklog.Exporter, error) { return overGRPC() },
		"grpc-gzip": func() (sdklog.Exporter, error) { return overGRPC(otlploggrpc.WithCompressor("gzip")) },
	} {
		exporter, err := open()
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		emit(t, ctx, exporter, name, begun)
		got := s.query(`{service_name="`+name+`"} | severity_number="17" | order="7" | line_format "{{__line__}} {{.detected_level}} {{.scope_name}} {{.host_name}}"`,
			begun.Add(-time.Minute).UnixNano(), begun.Add(time.Minute).UnixNano(), 10)
		if len(got) != 1 || got[0].Line != "paid error shop h1" {
			t.Errorf("%s: %+v, want the line, its level and its origin", name, got)
		}
	}
}

// TestOpenTelemetryErrors: a client learns what was refused.
func TestOpenTelemetryErrors(t *testing.T) {
	s := newServer(t, t.TempDir())
	s.start()
	old := time.Now().Add(-1000 * time.Hour)
	overHTTP, err := otlploghttp.New(t.Context(), otlploghttp.WithEndpointURL("http://"+s.http+"/otlp/v1/logs"))
	if err != nil {
		t.Fatal(err)
	}
	overGRPC, err := otlploggrpc.New(t.Context(), otlploggrpc.WithInsecure(), otlploggrpc.WithEndpoint(s.grpc))
	if err != nil {
		t.Fatal(err)
	}
	var told error // by the SDK, while a provider flushes
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { told = err }))
	for name, exporter := range map[string]sdklog.Exporter{"http": overHTTP, "grpc": overGRPC} {
		provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)))
		var rec otellog.Record
		rec.SetTimestamp(old)
		rec.SetBody(otellog.StringValue("old"))
		provider.Logger("shop").Emit(t.Context(), rec)
		told = nil
		err := errors.Join(provider.Shutdown(t.Context()), told)
		if err == nil || !strings.Contains(err.Error(), "timestamp too old") {
			t.Errorf("%s: all records refused: %v, want to be told why", name, err)
		}
	}
}

func emit(t *testing.T, ctx context.Context, exporter sdklog.Exporter, service string, at time.Time) {
	t.Helper()
	provider := sdklog.NewLoggerProvider(
		sdklog.WithResource(resource.NewSchemaless(attribute.String("service.name", service), attribute.String("host.name", "h1"))),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)))
	var rec otellog.Record
	rec.SetTimestamp(at)
	rec.SetSeverity(otellog.SeverityError)
	rec.SetBody(otellog.StringValue("paid"))
	rec.AddAttributes(otellog.Int("order", 7))
	provider.Logger("shop").Emit(ctx, rec)
	if err := provider.Shutdown(ctx); err != nil {
		t.Errorf("%s: %v", service, err)
	}
}
