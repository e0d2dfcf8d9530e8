import Testing

@testable import Postgres

@Suite("Statement cache")
struct StatementCacheTests {
    private func key(_ text: String, _ types: [PostgresType] = []) -> StatementCache.Key {
        StatementCache.Key(text: text, types: types)
    }

    @Test func `A statement is prepared once`() {
        var cache = StatementCache(capacity: 2)
        #expect(cache.use(self.key("a")) == .prepare(name: "s1", evicted: nil))
        #expect(cache.use(self.key("a")) == .prepared(name: "s1", columns: nil))
    }

    @Test func `Other parameter types make another statement`() {
        var cache = StatementCache(capacity: 2)
        _ = cache.use(self.key("a", [.int8]))
        #expect(cache.use(self.key("a", [.text])) == .prepare(name: "s2", evicted: nil))
    }

    @Test func `The least recently used one gives way`() {
        var cache = StatementCache(capacity: 2)
        _ = cache.use(self.key("a"))
        _ = cache.use(self.key("b"))
        _ = cache.use(self.key("a"))
        #expect(cache.use(self.key("c")) == .prepare(name: "s3", evicted: "s2"))
        #expect(cache.use(self.key("a")) == .prepared(name: "s1", columns: nil))
        #expect(cache.use(self.key("b")) == .prepare(name: "s4", evicted: "s3"))
        #expect(cache.count == 2)
    }

    @Test func `What is forgotten is prepared under another name`() {
        var cache = StatementCache(capacity: 2)
        _ = cache.use(self.key("a"))
        cache.forget(self.key("a"), name: "s1")
        #expect(cache.use(self.key("a")) == .prepare(name: "s2", evicted: nil))
        cache.forget(self.key("a"), name: "s1")
        #expect(cache.use(self.key("a")) == .prepared(name: "s2", columns: nil), "a late answer about the old one")
    }

    @Test func `Columns are learned for the name they belong to`() {
        var cache = StatementCache(capacity: 2)
        let columns = PostgresColumns([PostgresColumns.Column(name: "id", type: .int8)])
        _ = cache.use(self.key("a"))
        cache.learn(columns, of: self.key("a"), name: "s9")
        #expect(cache.use(self.key("a")) == .prepared(name: "s1", columns: nil))
        cache.learn(columns, of: self.key("a"), name: "s1")
        #expect(cache.use(self.key("a")) == .prepared(name: "s1", columns: columns))
    }
}

@Suite("Backoff")
struct BackoffTests {
    private let backoff = Backoff(first: .milliseconds(50), most: .seconds(5))

    @Test(arguments: [(1, 50), (2, 100), (3, 200), (7, 3200), (8, 5000), (9, 5000), (1_000_000, 5000)])
    func `The ceiling doubles until the most`(attempt: Int, milliseconds: Int) {
        #expect(self.backoff.delay(afterAttempt: attempt, fraction: 1) == .milliseconds(milliseconds))
    }

    @Test func `A random part of it is waited`() {
        #expect(self.backoff.delay(afterAttempt: 3, fraction: 0.5) == .milliseconds(100))
        #expect(self.backoff.delay(afterAttempt: 3, fraction: 0) == .zero)
    }

    @Test(arguments: [0, -5, Int.min]) func `Absurd attempts wait like the first`(attempt: Int) {
        #expect(self.backoff.delay(afterAttempt: attempt, fraction: 7) == .milliseconds(50))
    }
}
