import ClusterAPI
import Hummingbird
import Runtime

/// Tells by the bearer token who calls, and keeps out who may not.
struct Callers: Sendable {
    enum Caller: Sendable {
        case member
        case `operator`(Operator)
    }

    let memberToken: Secret
    let operators: [Operator]

    func caller(of request: Request) throws(Problem) -> Caller {
        guard let header = request.headers[.authorization], header.lowercased().hasPrefix("bearer ") else {
            throw Problem(.unauthorized, "an authorization header with a bearer token is expected")
        }
        let shown = Secret(String(header.dropFirst("bearer ".count)))
        if self.memberToken.matches(shown) { return .member }
        if let found = self.operators.first(where: { $0.token.matches(shown) }) { return .operator(found) }
        throw Problem(.unauthorized, "the bearer token is not known")
    }

    func requireMember(_ request: Request) throws(Problem) {
        guard case .member = try self.caller(of: request) else {
            throw Problem(.forbidden, "only a member may do this: the member token is expected")
        }
    }

    /// Any operator, whose role is at least `view`.
    func requireOperator(_ request: Request) throws(Problem) -> Operator {
        guard case .operator(let caller) = try self.caller(of: request) else {
            throw Problem(.forbidden, "only an operator may do this: an operator's token is expected")
        }
        return caller
    }
}
