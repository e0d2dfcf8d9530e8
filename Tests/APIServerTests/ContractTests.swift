import ClusterAPI
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import APIServer

@Suite("The API server's contract")
struct ContractTests {
    @Test func `It describes every value of the cluster, and no others`() throws {
        let contract = try OpenAPIContract(Data(try OpenAPIDocument.bytes().readableBytesView))
        #expect(emptyPlaces(of: ClusterView.everything).isEmpty)
        let encoder = ClusterJSON.encoder()
        let everything = try encoder.encode(ClusterView.everything)
        #expect(try contract.mistakes(in: everything, schema: "Cluster", isComplete: true) == [])
        let bare = try encoder.encode(ClusterView.bare)
        #expect(try contract.mistakes(in: bare, schema: "Cluster", isComplete: false) == [])
    }
}
