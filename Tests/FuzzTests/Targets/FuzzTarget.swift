/// What is fuzzed: code that reads bytes from Discord, RabbitMQ or Redis.
enum FuzzTarget: String, CaseIterable {
    case amqp, inflate, resp, slicer, websocket

    /// Runs the code on one input. It throws where the outcome breaks a promise; memory errors, traps, leaks, hangs and
    /// greed are the sanitizers' and libFuzzer's to find.
    func run(_ bytes: UnsafeRawBufferPointer) throws(FuzzFinding) {
        switch self {
        case .amqp: try AMQPFuzzing.run(bytes)
        case .inflate: try InflateFuzzing.run(bytes)
        case .resp: try RESPFuzzing.run(bytes)
        case .slicer: try SlicerFuzzing.run(bytes)
        case .websocket: try WebSocketFuzzing.run(bytes)
        }
    }
}

/// A promise that an input broke.
struct FuzzFinding: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

func expect(_ condition: Bool, _ promise: @autoclosure () -> String) throws(FuzzFinding) {
    if !condition { throw FuzzFinding(promise()) }
}
