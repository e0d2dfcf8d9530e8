import Runtime
import Testing

@Suite("Metrics")
struct MetricRegistryTests {
    @Test func `What several threads count in a gauge adds up`() async {
        let gauge = Gauge()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<1_000 { gauge.add(1.5) } } }
            for _ in 0..<8 { group.addTask { for _ in 0..<1_000 { gauge.add(-1) } } }
        }
        #expect(gauge.value == 4_000)
    }

    @Test func `Counters, gauges and histograms are written as Prometheus reads them`() {
        let registry = MetricRegistry()
        registry.counter("flotilla_a_total", help: "A.", labels: ["kind": "x\"y"]).increment(by: 3)
        registry.gauge("flotilla_b", help: "B.").set(1.5)
        registry.gauge("flotilla_c", help: "C.") { .infinity }
        let histogram = registry.histogram("flotilla_d_seconds", help: "D.", bounds: [0.1, 1])
        histogram.record(0.05)
        histogram.record(.milliseconds(500))
        histogram.record(7)
        #expect(
            registry.prometheusText() == """
                # HELP flotilla_a_total A.
                # TYPE flotilla_a_total counter
                flotilla_a_total{kind="x\\"y"} 3
                # HELP flotilla_b B.
                # TYPE flotilla_b gauge
                flotilla_b 1.5
                # HELP flotilla_c C.
                # TYPE flotilla_c gauge
                flotilla_c +Inf
                # HELP flotilla_d_seconds D.
                # TYPE flotilla_d_seconds histogram
                flotilla_d_seconds_bucket{le="0.1"} 1
                flotilla_d_seconds_bucket{le="1.0"} 2
                flotilla_d_seconds_bucket{le="+Inf"} 3
                flotilla_d_seconds_sum 7.55
                flotilla_d_seconds_count 3

                """)
    }

    @Test func `The same name and labels give the same metric`() {
        let registry = MetricRegistry()
        registry.counter("flotilla_a_total", help: "A.").increment()
        registry.counter("flotilla_a_total", help: "A.").increment()
        #expect(registry.counter("flotilla_a_total", help: "A.").value == 2)
    }
}
