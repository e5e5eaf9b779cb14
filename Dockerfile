# The image runs where Loki's did: same paths, same user, same ports.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
ARG REVISION=unknown
ARG BRANCH=unknown
# Charts and manifests that name Loki's program find this one.
RUN mkdir -p /out/usr/bin /out/loki && ln -s skald /out/usr/bin/loki \
 && CGO_ENABLED=0 go build -trimpath -o /out/usr/bin/ -ldflags "-s -w \
      -X github.com/prometheus/common/version.Version=${VERSION} \
      -X github.com/prometheus/common/version.Revision=${REVISION} \
      -X github.com/prometheus/common/version.Branch=${BRANCH}" ./cmd/...

FROM gcr.io/distroless/static-debian12
COPY --from=build --chown=10001:10001 /out/loki /loki
COPY --from=build /out/usr/ /usr/
COPY production/docker/config.yaml /etc/loki/local-config.yaml
USER 10001
WORKDIR /loki
VOLUME /loki
EXPOSE 3100 9095 7946
ENTRYPOINT ["/usr/bin/skald"]
CMD ["-config.file=/etc/loki/local-config.yaml"]
