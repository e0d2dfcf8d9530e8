import Foundation

/// The user that PostgreSQL runs as when the stack is root's: PostgreSQL refuses to run as root.
struct UnprivilegedAccount: Sendable {
    let name: String
    let user: uid_t
    let group: gid_t

    static func forPostgres() throws(LocalStackError) -> UnprivilegedAccount {
        for name in ["postgres", "nobody"] {
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            var buffer = [CChar](repeating: 0, count: 16 << 10)
            guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { continue }
            return UnprivilegedAccount(name: name, user: entry.pw_uid, group: entry.pw_gid)
        }
        throw LocalStackError(.notStarted, "PostgreSQL doesn't run as root, and there is no user postgres or nobody")
    }

    func own(_ path: String) throws(LocalStackError) {
        guard chown(path, self.user, self.group) == 0 else {
            throw LocalStackError(.files, "can't give \(path) to \(self.name): \(String(cString: strerror(errno)))")
        }
    }

    /// Whether every folder on the way lets this user pass.
    ///
    /// - Parameter path: absolute, without symbolic links.
    func canReach(_ path: String) -> Bool {
        var folder = URL(fileURLWithPath: path)
        while true {
            // Not readable for root means gone.
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: folder.path),
                let mode = (attributes[.posixPermissions] as? NSNumber)?.uint32Value
            else { return false }
            let owner = (attributes[.ownerAccountID] as? NSNumber)?.uint32Value
            let group = (attributes[.groupOwnerAccountID] as? NSNumber)?.uint32Value
            let bit: UInt32 = owner == self.user ? 0o100 : group == self.group ? 0o010 : 0o001
            guard mode & bit != 0 else { return false }
            if folder.path == "/" { return true }
            folder.deleteLastPathComponent()
        }
    }
}
