import ControlAPI
import NIOCore

/// Puts the answers to one request together. It knows no broker and no clock.
struct AnswerCollector: Sendable {
    enum Outcome: Sendable, Equatable {
        case waiting
        /// All chunks, in order of part and index; none for commands that bring none.
        case done([MembersChunk])
        case failed(ControlProblem)
    }

    private struct Part: Sendable {
        var attempt: Int
        var count: Int
        var chunks: [Int: MembersChunk] = [:]
    }

    private let expectsChunks: Bool
    private let mostBytes: Int
    private var parts: [Int: Part] = [:]
    private var expectedParts = 1
    private var bytes = 0

    init(expectsChunks: Bool, mostBytes: Int) {
        self.expectsChunks = expectsChunks
        self.mostBytes = mostBytes
    }

    mutating func received(_ answer: ControlAnswer) -> Outcome {
        switch answer {
        case .error(let problem): return .failed(problem)
        case .ok:
            guard self.expectsChunks else { return .done([]) }
            guard self.isComplete else {
                return .failed(ControlProblem(.init(rawValue: "incomplete"), "some of the answer was lost: ask again"))
            }
            return .done(
                self.parts.sorted { $0.key < $1.key }.flatMap { part in
                    part.value.chunks.sorted { $0.key < $1.key }.map(\.value)
                })
        case .chunk(let chunk): return self.received(chunk)
        }
    }

    private mutating func received(_ chunk: MembersChunk) -> Outcome {
        let position = chunk.position
        self.expectedParts = position.parts
        var part = self.parts[position.part] ?? Part(attempt: position.attempt, count: position.count)
        if position.attempt > part.attempt {
            // Asked again: all of the part's chunks come anew.
            self.bytes -= part.chunks.values.reduce(0) { $0 + $1.payload.readableBytes }
            part = Part(attempt: position.attempt, count: position.count)
        }
        if position.attempt == part.attempt, part.chunks[position.index] == nil {
            part.chunks[position.index] = chunk
            self.bytes += chunk.payload.readableBytes
        }
        self.parts[position.part] = part
        guard self.bytes <= self.mostBytes else {
            return .failed(
                ControlProblem(.init(rawValue: "too_large"), "the answer has more than \(self.mostBytes) bytes"))
        }
        return .waiting
    }

    private var isComplete: Bool {
        self.parts.count == self.expectedParts && self.parts.values.allSatisfy { $0.chunks.count == max($0.count, 1) }
    }
}
