import ClusterClient
import Foundation
import Runtime
import TestSupport
import Testing

@testable import OperatorConsole

@Suite("Where the coordinator is")
struct CoordinatorAddressTests {
    private static let secrets = #"{"operator":"op-token","member":"m","bot":"b"}"#

    private func settings(_ environment: [String: String]) -> SettingsSource {
        SettingsSource(environment: environment)
    }

    private func stack(
        ports: String = #"{"coordinator":7401,"coordinator-operations":9100}"#
    ) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory("stack")
        _ = try directory.write(ports, to: "ports.json")
        _ = try directory.write(Self.secrets, to: "secrets")
        return directory
    }

    private func usage(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            let error = error as? ConsoleError
            return error?.code == .usage ? error?.message : nil
        }
    }

    // MARK: The local stack's files

    @Test func `Address and token are what flotilla up wrote down`() throws {
        let directory = try self.stack()
        let address = try CoordinatorAddress.find(.init(directory: directory.path), settings: self.settings([:]))
        #expect(try address.urls == CoordinatorURLs("http://127.0.0.1:7401") && address.token == Secret("op-token"))
    }

    @Test func `Several coordinators are all taken, other processes are not`() throws {
        let directory = try self.stack(
            ports: #"{"coordinator-1":2,"coordinator-0":1,"coordinator-0-operations":3,"api":4}"#)
        let local = try #require(try LocalStackAddress.read(in: directory.path))
        #expect(try local.coordinators == CoordinatorURLs("http://127.0.0.1:1,http://127.0.0.1:2"))
    }

    @Test(arguments: [
        ("[]", secrets), ("{", secrets), (#"{"coordinator":"7400"}"#, secrets), (#"{"coordinator":1}"#, "{}"),
        (#"{"coordinator":1}"#, #"{"operator":5,"hidden":"hunter2"}"#), (#"{"coordinator":0}"#, secrets),
        (#"{"coordinator":70000}"#, secrets), (#"{"coordinator":1,"coordinator-1":1}"#, secrets),
    ])
    func `Damaged files are told, and no secret of theirs`(ports: String, secrets: String) {
        let message = self.usage {
            _ = try LocalStackAddress.parse(ports: Data(ports.utf8), secrets: Data(secrets.utf8), in: "d")
        }
        #expect(message?.contains("d/secrets is damaged") == true && message?.contains("hunter2") == false)
    }

    @Test(arguments: [#"{}"#, #"{"api":5}"#])
    func `A stack without a coordinator's port is none`(ports: String) throws {
        #expect(
            try LocalStackAddress.parse(ports: Data(ports.utf8), secrets: Data(Self.secrets.utf8), in: "d") == nil)
    }

    @Test func `A directory without a fleet is told`() throws {
        let directory = try TemporaryDirectory("empty")
        let message = self.usage {
            _ = try CoordinatorAddress.find(.init(directory: directory.path), settings: self.settings([:]))
        }
        #expect(message?.contains(directory.path) == true)
    }

    // MARK: Settings

    @Test func `Settings are taken, the command line wins`() throws {
        let environment = ["FLOTILLA_COORDINATOR_URL": "http://a:1", "FLOTILLA_OPERATOR_TOKEN": "env"]
        let plain = try CoordinatorAddress.find(.init(), settings: self.settings(environment))
        #expect(try plain.urls == CoordinatorURLs("http://a:1") && plain.token == Secret("env"))
        let directory = try TemporaryDirectory("token")
        let file = try directory.write("from-file\n", to: "token")
        let told = try CoordinatorAddress.find(
            .init(coordinator: "https://b:2/, http://c", tokenFile: file), settings: self.settings(environment))
        #expect(try told.urls == CoordinatorURLs("https://b:2,http://c") && told.token == Secret("from-file"))
    }

    @Test func `A token may come from a file that the settings name`() throws {
        let directory = try TemporaryDirectory("token")
        let file = try directory.write("from-file\n", to: "token")
        let address = try CoordinatorAddress.find(
            .init(coordinator: "http://a"), settings: self.settings(["FLOTILLA_OPERATOR_TOKEN_FILE": file]))
        #expect(address.token == Secret("from-file"))
    }

    @Test func `An address without a token, or a token without an address, is not completed by another fleet's`() {
        let noToken = self.usage {
            _ = try CoordinatorAddress.find(.init(coordinator: "http://a"), settings: self.settings([:]))
        }
        #expect(noToken?.contains("FLOTILLA_OPERATOR_TOKEN") == true)
        let noAddress = self.usage {
            _ = try CoordinatorAddress.find(.init(), settings: self.settings(["FLOTILLA_OPERATOR_TOKEN": "t"]))
        }
        #expect(noAddress?.contains("FLOTILLA_COORDINATOR_URL") == true)
    }

    @Test(arguments: [
        "127.0.0.1:7400", "ftp://a", "http://", "http://u:hunter2@a", "http://a?x=1", "http://a#b", ",", "http://a,b",
    ])
    func `What is no address is refused, and not repeated`(url: String) {
        let message = self.usage {
            _ = try CoordinatorAddress.find(
                .init(coordinator: url), settings: self.settings(["FLOTILLA_OPERATOR_TOKEN": "t"]))
        }
        #expect(message != nil && message?.contains("hunter2") == false)
    }

    @Test func `A directory stands alone`() throws {
        let directory = try self.stack()
        #expect(
            self.usage {
                _ = try CoordinatorAddress.find(
                    .init(coordinator: "http://a", directory: directory.path), settings: self.settings([:]))
            } != nil)
    }

    @Test(arguments: ["", "/no/such/file"])
    func `A token file that can't be read is named`(path: String) throws {
        let message = self.usage {
            _ = try CoordinatorAddress.find(
                .init(coordinator: "http://a", tokenFile: path), settings: self.settings([:]))
        }
        #expect(message?.contains("--token-file") == true)
    }
}
