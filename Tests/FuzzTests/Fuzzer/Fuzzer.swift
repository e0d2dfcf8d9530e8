import Glibc

/// Which target this process runs, from the environment variable FUZZ_TARGET.
private let target: FuzzTarget = {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        print("fuzzer: FUZZ_TARGET is \"\(name)\", it must be one of: \(names)")
        exit(64)
    }
    return target
}()

/// What libFuzzer calls for each input.
@_cdecl("LLVMFuzzerTestOneInput")
package func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    do throws(FuzzFinding) {
        try target.run(UnsafeRawBufferPointer(start: data, count: size))
    } catch {
        print("finding: \(error)")
        fflush(nil)
        abort()
    }
    return 0
}
