import Testing

@testable import Discord

@Suite("The head of a GUILD_MEMBERS_CHUNK")
struct MembersChunkHeadTests {
    private func read(_ text: String) -> MembersChunkHead? {
        Array(text.utf8).withUnsafeBytes { MembersChunkHead.read($0) }
    }

    @Test(
        arguments: [
            #"{"guild_id":"1","members":[{"user":{"nonce":"x"}}],"chunk_index":3,"chunk_count":7,"nonce":"ab.1"}"#,
            #" { "nonce" : "ab.1" , "chunk_count" : 7 , "chunk_index" : 3 , "not_found" : [ 1 , "2" ] } "#,
        ])
    func `It is found wherever it stands`(text: String) {
        #expect(self.read(text) == MembersChunkHead(nonce: "ab.1", index: 3, count: 7))
    }

    @Test(
        arguments: [
            "", "null", "[]", "{}", #"{"nonce":"a"}"#, #"{"nonce":null,"chunk_index":0,"chunk_count":1}"#,
            #"{"nonce":7,"chunk_index":0,"chunk_count":1}"#, #"{"nonce":"a","chunk_index":"0","chunk_count":1}"#,
            #"{"nonce":"a","chunk_index":0.5,"chunk_count":1}"#, #"{"nonce":"a","chunk_index":0,"chunk_count":1"#,
            #"{"nonce":"a","chunk_index":99999999999999999999,"chunk_count":1}"#, #"{"nonce""#, #"{"nonce":"#,
        ])
    func `Without one there is none`(text: String) { #expect(self.read(text) == nil) }
}
