import Testing

@testable import ClusterClient

@Suite("Choice of a coordinator")
struct CoordinatorEndpointsTests {
    private let urls: [CoordinatorURL]
    private var endpoints: CoordinatorEndpoints

    init() throws {
        let urls = try CoordinatorURLs("http://a:1,http://b:1,http://c:1")
        self.urls = urls.all
        self.endpoints = CoordinatorEndpoints(urls)
    }

    private func order(_ endpoints: CoordinatorEndpoints) -> [String] {
        var call = endpoints.call()
        var order: [String] = []
        while let url = call.next() { order.append(url.description) }
        return order
    }

    @Test func `They are asked in the order of configuration, each once`() {
        #expect(self.order(self.endpoints) == ["http://a:1", "http://b:1", "http://c:1"])
    }

    @Test mutating func `The last that took a call comes first`() {
        #expect(self.endpoints.took(self.urls[0]) == false)
        #expect(self.endpoints.took(self.urls[1]) == true)
        #expect(self.order(self.endpoints) == ["http://b:1", "http://c:1", "http://a:1"])
    }

    @Test mutating func `One that gave no answer comes last, however many calls found that out`() {
        _ = self.endpoints.took(self.urls[1])
        for _ in 0..<5 { self.endpoints.failed(self.urls[1]) }
        #expect(self.order(self.endpoints) == ["http://c:1", "http://a:1", "http://b:1"])
        self.endpoints.failed(self.urls[2])
        #expect(self.order(self.endpoints).first == "http://a:1")
    }

    @Test mutating func `A leader that only a standby names is kept until it fails`() throws {
        let leader = try CoordinatorURL("http://10.0.0.7:7400")
        #expect(self.endpoints.took(leader) == true)
        #expect(self.order(self.endpoints) == ["http://10.0.0.7:7400", "http://a:1", "http://b:1", "http://c:1"])
        self.endpoints.failed(leader)
        #expect(self.order(self.endpoints) == ["http://a:1", "http://b:1", "http://c:1"])
    }

    @Test mutating func `One alone is asked again and again`() throws {
        self.endpoints = CoordinatorEndpoints(try CoordinatorURLs("http://a:1"))
        self.endpoints.failed(self.urls[0])
        #expect(self.order(self.endpoints) == ["http://a:1"])
    }
}

@Suite("A call's way")
struct CoordinatorCallTests {
    private let a: CoordinatorURL
    private let b: CoordinatorURL
    private let c: CoordinatorURL
    private var call: CoordinatorCall

    init() throws {
        (self.a, self.b, self.c) = (
            try CoordinatorURL("http://a:1"), try CoordinatorURL("http://b:1"), try CoordinatorURL("http://c:1")
        )
        self.call = CoordinatorCall([self.a, self.b, self.c])
    }

    @Test mutating func `Each has half of what is left, the last one all of it`() {
        _ = self.call.next()
        #expect(self.call.limit(left: .seconds(3), hold: .zero) == .milliseconds(1500))
        #expect(self.call.limit(left: .seconds(3), hold: .seconds(1)) == .seconds(2))
        #expect(self.call.limit(left: .seconds(1), hold: .seconds(2)) == .seconds(1))
        _ = self.call.next()
        _ = self.call.next()
        #expect(self.call.limit(left: .seconds(3), hold: .zero) == .seconds(3))
    }

    @Test mutating func `The leader that is named is next, and only once`() {
        _ = self.call.next()
        #expect(self.call.redirected(by: self.a, to: "http://c:1/v1/members", path: "/v1/members") == .follow(self.c))
        #expect(self.call.next() == self.c)
        #expect(self.call.next() == self.b)
        #expect(self.call.next() == nil)
    }

    @Test mutating func `A Location without a path names the leader as well`() {
        _ = self.call.next()
        #expect(self.call.redirected(by: self.a, to: "http://b:1/", path: "/v1/members") == .follow(self.b))
    }

    @Test mutating func `A circle ends`() {
        _ = self.call.next()
        guard case .refuse = self.call.redirected(by: self.a, to: "http://a:1/x", path: "/x") else {
            Issue.record("one that names itself is followed")
            return
        }
        _ = self.call.next()
        guard case .refuse = self.call.redirected(by: self.b, to: "http://a:1/x", path: "/x") else {
            Issue.record("one that was asked is asked again")
            return
        }
        #expect(self.call.next() == self.c)
    }

    @Test mutating func `A chain that never ends is followed twice`() {
        for step in 0..<2 {
            guard let url = self.call.next(),
                case .follow = self.call.redirected(by: url, to: "http://d\(step)/x", path: "/x")
            else {
                Issue.record("redirect \(step) is not followed")
                return
            }
        }
        guard let url = self.call.next(),
            case .refuse(let reason) = self.call.redirected(by: url, to: "http://d9/x", path: "/x")
        else {
            Issue.record("a third redirect is followed")
            return
        }
        #expect(reason.contains("circle"))
    }

    @Test mutating func `One that said it can't serve is not gone back to`() {
        _ = self.call.next()
        self.call.declined(self.a)
        _ = self.call.next()
        guard case .refuse = self.call.redirected(by: self.b, to: "http://a:1/x", path: "/x") else {
            Issue.record("followed")
            return
        }
    }

    @Test(arguments: [
        nil, "", "/v1/members", "//evil/v1/members", "ftp://evil/v1/members", "javascript:alert(1)/v1/members",
        "http://user:pass@evil/v1/members", "http://evil/v1/elsewhere", "http://evil/v1/members?then=http://a",
        "http://" + String(repeating: "x", count: 5000) + "/v1/members", "http://evil\r\n/v1/members",
    ])
    mutating func `A Location that names no coordinator is not followed`(location: String?) {
        _ = self.call.next()
        guard case .refuse = self.call.redirected(by: self.a, to: location, path: "/v1/members") else {
            Issue.record("followed")
            return
        }
        #expect(self.call.next() == self.b)
    }

    @Test mutating func `After TLS the token does not go on without it`() throws {
        let standby = try CoordinatorURL("https://s")
        guard case .refuse(let reason) = self.call.redirected(by: standby, to: "http://l/x", path: "/x") else {
            Issue.record("followed")
            return
        }
        #expect(reason.contains("not encrypted"))
        #expect(
            self.call.redirected(by: standby, to: "https://l/x", path: "/x") == .follow(try CoordinatorURL("https://l"))
        )
    }
}

@Suite("Pace of registrations")
struct RegistrationPacingTests {
    private var pacing = RegistrationPacing()

    private mutating func lifeOf(_ length: Duration, from start: Duration) -> RegistrationPacing.Pause {
        self.pacing.registered(at: start)
        return self.pacing.incarnationEnded(at: start + length, jitter: 1)
    }

    @Test mutating func `A lease that ends after a while is begun anew at once`() {
        for day in 0..<5 {
            let pause = self.lifeOf(.seconds(3600), from: .seconds(day * 86_400))
            #expect(pause == .init(duration: .zero, suspectsNamesake: false))
        }
    }

    @Test mutating func `Leases that end one soon after the other are begun ever more slowly`() {
        let pauses = (0..<8).map { self.lifeOf(.seconds(1), from: .seconds($0)) }
        #expect(pauses.map(\.duration) == [0, 1, 2, 4, 8, 16, 30, 30].map { .seconds($0) })
        #expect(pauses.map(\.suspectsNamesake) == [false] + Array(repeating: true, count: 7))
        // The longest lease that a namesake leaves does not count as a long one.
        #expect(self.lifeOf(.seconds(30), from: .seconds(100)).duration == .seconds(30))
        #expect(self.lifeOf(.seconds(61), from: .seconds(200)).duration == .zero)
    }

    @Test mutating func `A registration that never came about counts as a short life`() {
        let pauses = (0..<4).map { self.pacing.incarnationEnded(at: .seconds($0), jitter: 0) }
        #expect(pauses.map(\.duration) == [0, 500, 1000, 2000].map { .milliseconds($0) })
    }
}
