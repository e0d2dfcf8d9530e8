import Foundation

/// One metric of one scenario: the medians of our rounds and of the limit's, and the median of the rounds' ratios. The
/// two sides of one round met the same machine, whatever else it did; those of different rounds may not have.
struct Measurement {
    /// What the ratio of ours to the limit should be, or our value itself.
    enum Goal {
        case atLeast(Double), atMost(Double)
        case valueAtLeast(Double), valueAtMost(Double)
        case none

        func isMet(by ratio: Double, value: Double) -> Bool {
            switch self {
            case .atLeast(let bound): ratio >= bound
            case .atMost(let bound): ratio <= bound
            case .valueAtLeast(let bound): value >= bound
            case .valueAtMost(let bound): value <= bound
            case .none: true
            }
        }
    }

    let scenario: String
    let metric: String
    let unit: String
    let ours: [Double]
    /// Empty where there is none to compare with.
    let limit: [Double]
    let goal: Goal

    private var ratios: [Double] { zip(self.ours, self.limit).map { $0 / $1 } }
    private var ratio: Double { Self.median(self.ratios) }

    var isMet: Bool { self.goal.isMet(by: self.ratio, value: Self.median(self.ours)) }

    /// Prints the line, and the spread for people.
    func report() {
        let value = Self.text(Self.median(self.ours))
        let limit = self.limit.isEmpty ? "null" : Self.text(Self.median(self.limit))
        let ratio = self.limit.isEmpty ? "null" : Self.text(self.ratio)
        Self.write(
            #"{"scenario":"\#(self.scenario)","metric":"\#(self.metric)","value":\#(value),"unit":"\#(self.unit)","#
                + #""limit":\#(limit),"ratio":\#(ratio)}"#,
            to: .standardOutput)
        let verdict = self.isMet ? "met" : "MISSED"
        let comparison =
            self.limit.isEmpty
            ? "" : ", limit \(Self.spread(self.limit)), ratio \(Self.spread(self.ratios))"
        Self.write(
            "\(self.scenario) \(self.metric): \(Self.spread(self.ours))\(comparison); goal \(self.goal) \(verdict)",
            to: .standardError)
    }

    private static func write(_ line: String, to file: FileHandle) { file.write(Data("\(line)\n".utf8)) }

    private static func spread(_ samples: [Double]) -> String {
        "\(self.text(self.median(samples))) (\(self.text(samples.min() ?? 0)) to \(self.text(samples.max() ?? 0)))"
    }

    static func median(_ samples: [Double]) -> Double {
        let sorted = samples.sorted()
        guard !sorted.isEmpty else { return 0 }
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }

    /// Four digits are more than the spread allows.
    private static func text(_ value: Double) -> String {
        guard value.isFinite else { return "null" }
        return value >= 1000 ? String(Int(value.rounded())) : String(format: "%.4g", value)
    }
}

extension Measurement.Goal: CustomStringConvertible {
    var description: String {
        switch self {
        case .atLeast(let bound): "≥ \(bound)"
        case .atMost(let bound): "≤ \(bound)"
        case .valueAtLeast(let bound): "a value ≥ \(bound)"
        case .valueAtMost(let bound): "a value ≤ \(bound)"
        case .none: "none"
        }
    }
}
