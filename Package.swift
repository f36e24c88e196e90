// swift-tools-version: 6.1
import PackageDescription

/// The language settings that every target shares.
let house: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
  name: "resnet-probe",
  products: [
    .executable(name: "resnet-probe", targets: ["resnet-probe"]),
    .library(name: "ProbeRecorder", targets: ["ProbeRecorder"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(
      url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    .target(
      name: "ProbeCore", dependencies: [.product(name: "RealModule", package: "swift-numerics")],
      swiftSettings: house),
    .target(
      name: "ProbeWire",
      dependencies: ["ProbeCore", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["probe.proto"],
      swiftSettings: house),
    .target(name: "ProbeRecorder", dependencies: ["ProbeCore", "ProbeWire"], swiftSettings: house),
    .target(
      name: "ProbeStore",
      dependencies: [
        "ProbeCore",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ],
      resources: [.embedInCode("schema.sql")],
      swiftSettings: house),
    .target(
      name: "ProbeAnalysis",
      dependencies: ["ProbeCore", .product(name: "RealModule", package: "swift-numerics")],
      swiftSettings: house),
    .target(
      name: "ProbeReport", dependencies: ["ProbeCore", "ProbeAnalysis"], swiftSettings: house),
    .target(
      name: "ProbeDaemon",
      dependencies: [
        "ProbeCore", "ProbeWire", "ProbeStore", "ProbeAnalysis", "ProbeReport",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOExtras", package: "swift-nio-extras"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: house),
    .target(
      name: "DigitsTrainer",
      dependencies: ["ProbeCore", "ProbeRecorder"],
      exclude: ["Data/ATTRIBUTION.md"],
      resources: [.embedInCode("Data/digits.bin")],
      swiftSettings: house),
    .executableTarget(
      name: "resnet-probe",
      dependencies: [
        "ProbeCore", "ProbeWire", "ProbeRecorder", "ProbeStore", "ProbeAnalysis", "ProbeReport",
        "ProbeDaemon", "DigitsTrainer",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: house),
    .target(
      name: "Support", dependencies: ["ProbeCore", "ProbeWire"], path: "Tests/Support/Swift",
      swiftSettings: house),
    .testTarget(
      name: "ProbeCoreTests", dependencies: ["ProbeCore"], swiftSettings: house),
    .testTarget(
      name: "ProbeWireTests", dependencies: ["ProbeCore", "ProbeWire", "Support"],
      swiftSettings: house),
    .testTarget(
      name: "ProbeRecorderTests", dependencies: ["ProbeCore", "ProbeWire", "ProbeRecorder"],
      swiftSettings: house),
    .testTarget(
      name: "ProbeStoreTests", dependencies: ["ProbeCore", "ProbeStore", "Support"],
      swiftSettings: house),
    .testTarget(
      name: "ProbeAnalysisTests", dependencies: ["ProbeCore", "ProbeAnalysis"],
      swiftSettings: house),
    .testTarget(
      name: "ProbeReportTests", dependencies: ["ProbeCore", "ProbeAnalysis", "ProbeReport"],
      swiftSettings: house),
    .testTarget(
      name: "ProbeDaemonTests",
      dependencies: [
        "ProbeCore", "ProbeWire", "ProbeStore", "ProbeAnalysis", "ProbeReport", "ProbeDaemon",
        "Support",
      ],
      swiftSettings: house),
    .testTarget(
      name: "DigitsTrainerTests", dependencies: ["ProbeCore", "ProbeRecorder", "DigitsTrainer"],
      swiftSettings: house),
    .testTarget(
      name: "CommandTests",
      dependencies: ["resnet-probe", "ProbeCore", "ProbeWire", "ProbeDaemon", "Support"],
      swiftSettings: house),
    .testTarget(name: "HouseTests", dependencies: ["Support"], swiftSettings: house),
  ]
)
