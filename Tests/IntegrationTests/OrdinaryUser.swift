import Foundation
import TestSupport

/// A user without any rights of its own, for tests that run as root: what only root may do shows only under another
/// user.
struct OrdinaryUser: Sendable {
    let number: uid_t
    let group: gid_t

    static let nobody: OrdinaryUser? = getpwnam("nobody").map {
        OrdinaryUser(number: $0.pointee.pw_uid, group: $0.pointee.pw_gid)
    }

    /// What makes a command run as this user, without root's groups and capabilities.
    var prefix: [String] {
        ["setpriv", "--reuid", "\(self.number)", "--regid", "\(self.group)", "--clear-groups", "--inh-caps=-all", "--"]
    }

    func own(_ path: String) throws {
        guard chown(path, self.number, self.group) == 0 else {
            throw TestFailure("can't give \(path) to user \(self.number): \(String(cString: strerror(errno)))")
        }
    }

    /// Whether this user reaches a program, and all that it loads.
    func canRun(_ program: String) async throws -> Bool {
        let command = self.prefix + [program, "--help"]
        return try await ChildProcess(command[0], Array(command.dropFirst())).exitStatus() == 0
    }
}
