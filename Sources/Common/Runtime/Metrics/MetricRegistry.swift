import Synchronization

/// The metrics of one process, and their Prometheus text (format 0.0.4).
///
/// Make each metric once, when its owner is made. Labels must be few and bounded: never a guild, never shard × type.
package final class MetricRegistry: Sendable {
    private enum Series: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case observed(@Sendable () -> Double)
        case histogram(Histogram)

        var type: String {
            switch self {
            case .counter: "counter"
            case .gauge, .observed: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    private struct Family: Sendable {
        let help: String
        var series: [String: Series] = [:]
    }

    private let families = Mutex<[String: Family]>([:])

    package init() {}

    package func counter(_ name: String, help: String, labels: [String: String] = [:]) -> Counter {
        let series = self.series(name, help, labels, .counter(Counter()))
        if case .counter(let counter) = series { return counter }
        preconditionFailure("\(name) is a \(series.type)")
    }

    package func gauge(_ name: String, help: String, labels: [String: String] = [:]) -> Gauge {
        let series = self.series(name, help, labels, .gauge(Gauge()))
        if case .gauge(let gauge) = series { return gauge }
        preconditionFailure("\(name) is a \(series.type)")
    }

    /// A gauge whose value is asked for at each scrape. `read` must be quick and must not block.
    package func gauge(
        _ name: String, help: String, labels: [String: String] = [:], read: @escaping @Sendable () -> Double
    ) {
        _ = self.series(name, help, labels, .observed(read))
    }

    package func histogram(
        _ name: String,
        help: String,
        labels: [String: String] = [:],
        bounds: [Double] = Histogram.seconds
    ) -> Histogram {
        let series = self.series(name, help, labels, .histogram(Histogram(bounds: bounds)))
        if case .histogram(let histogram) = series { return histogram }
        preconditionFailure("\(name) is a \(series.type)")
    }

    private func series(_ name: String, _ help: String, _ labels: [String: String], _ made: Series) -> Series {
        let key = PrometheusText.labels(labels)
        return self.families.withLock { families in
            if let existing = families[name]?.series[key] { return existing }
            families[name, default: Family(help: help)].series[key] = made
            return made
        }
    }

    package func prometheusText() -> String {
        var text = ""
        for (name, family) in self.families.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            guard let type = family.series.values.first?.type else { continue }
            text += "# HELP \(name) \(PrometheusText.escapeHelp(family.help))\n# TYPE \(name) \(type)\n"
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                switch series {
                case .counter(let counter): text += "\(name)\(PrometheusText.braces(labels)) \(counter.value)\n"
                case .gauge(let gauge):
                    text += "\(name)\(PrometheusText.braces(labels)) \(PrometheusText.number(gauge.value))\n"
                case .observed(let read):
                    text += "\(name)\(PrometheusText.braces(labels)) \(PrometheusText.number(read()))\n"
                case .histogram(let histogram): text += PrometheusText.histogram(name, labels, histogram)
                }
            }
        }
        return text
    }
}
