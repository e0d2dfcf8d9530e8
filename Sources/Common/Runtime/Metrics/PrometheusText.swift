/// The pieces of Prometheus' text exposition format 0.0.4.
enum PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// `a="1",b="2"`, sorted by name.
    static func labels(_ labels: [String: String]) -> String {
        labels.sorted { $0.key < $1.key }
            .map { name, value in
                let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing(
                    "\n", with: "\\n")
                return "\(name)=\"\(escaped)\""
            }
            .joined(separator: ",")
    }

    static func braces(_ labels: String) -> String { labels.isEmpty ? "" : "{\(labels)}" }

    static func escapeHelp(_ help: String) -> String { help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n") }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return "\(value)"
    }

    static func histogram(_ name: String, _ labels: String, _ histogram: Histogram) -> String {
        let counts = histogram.snapshot
        let prefix = labels.isEmpty ? "" : labels + ","
        var text = ""
        var cumulative: UInt64 = 0
        for (bound, count) in zip(histogram.bounds, counts.buckets) {
            cumulative += count
            text += "\(name)_bucket{\(prefix)le=\"\(self.number(bound))\"} \(cumulative)\n"
        }
        text += "\(name)_bucket{\(prefix)le=\"+Inf\"} \(counts.count)\n"
        text += "\(name)_sum\(self.braces(labels)) \(self.number(counts.sum))\n"
        text += "\(name)_count\(self.braces(labels)) \(counts.count)\n"
        return text
    }
}
