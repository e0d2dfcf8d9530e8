/// Why a benchmark has no figures.
struct BenchmarkError: Error, CustomStringConvertible {
    let message: String

    init(_ message: String) { self.message = message }

    var description: String { self.message }
}
