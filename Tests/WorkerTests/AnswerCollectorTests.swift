import ControlAPI
import NIOCore
import Testing

@testable import Worker

@Suite("Answers of a shard, put together")
struct AnswerCollectorTests {
    private func chunk(
        _ part: Int, of parts: Int, _ index: Int, of count: Int, attempt: Int = 1, _ text: String = "{}"
    ) -> MembersChunk {
        MembersChunk(
            position: .init(part: part, parts: parts, attempt: attempt, index: index, count: count),
            payload: ByteBuffer(string: text))
    }

    @Test func `Chunks come out in order of part and index`() {
        var collector = AnswerCollector(expectsChunks: true, mostBytes: 1_000)
        let chunks = [
            self.chunk(1, of: 2, 0, of: 1), self.chunk(0, of: 2, 1, of: 2), self.chunk(0, of: 2, 0, of: 2),
        ]
        for chunk in chunks { #expect(collector.received(.chunk(chunk)) == .waiting) }
        // A repeat is the same chunk.
        #expect(collector.received(.chunk(chunks[0])) == .waiting)
        #expect(collector.received(.ok) == .done([chunks[2], chunks[1], chunks[0]]))
    }

    @Test func `Chunks of an earlier attempt count no more`() {
        var collector = AnswerCollector(expectsChunks: true, mostBytes: 8)
        _ = collector.received(.chunk(self.chunk(0, of: 1, 0, of: 3, "[1,2,3]")))
        let anew = self.chunk(0, of: 1, 0, of: 1, attempt: 2, "[4,5,6]")
        #expect(collector.received(.chunk(anew)) == .waiting)
        #expect(collector.received(.chunk(self.chunk(0, of: 1, 1, of: 3, "[1,2,3]"))) == .waiting)
        #expect(collector.received(.ok) == .done([anew]))
    }

    @Test func `An answer with a hole is none`() {
        for chunks in [
            [], [self.chunk(0, of: 1, 0, of: 2)], [self.chunk(0, of: 2, 0, of: 1)],
        ] {
            var collector = AnswerCollector(expectsChunks: true, mostBytes: 1_000)
            for chunk in chunks { _ = collector.received(.chunk(chunk)) }
            guard case .failed(let problem) = collector.received(.ok) else {
                Issue.record("\(chunks.count) chunks are an answer")
                continue
            }
            #expect(problem.code.rawValue == "incomplete")
        }
    }

    @Test func `Commands without chunks are done with their ok, and errors end everything`() {
        var collector = AnswerCollector(expectsChunks: false, mostBytes: 1_000)
        #expect(collector.received(.ok) == .done([]))
        let problem = ControlProblem(.busy, "later")
        #expect(collector.received(.error(problem)) == .failed(problem))
    }

    @Test func `An answer has a bound`() {
        var collector = AnswerCollector(expectsChunks: true, mostBytes: 10)
        #expect(collector.received(.chunk(self.chunk(0, of: 1, 0, of: 9, "[1,2,3]"))) == .waiting)
        guard case .failed(let problem) = collector.received(.chunk(self.chunk(0, of: 1, 1, of: 9, "[1,2,3]"))) else {
            Issue.record("more than the bound was taken")
            return
        }
        #expect(problem.code.rawValue == "too_large")
    }
}
