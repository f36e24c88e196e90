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
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    .target(name: "ProbeCore", swiftSettings: house),
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
      dependencies: ["ProbeCore", "ProbeWire", "ProbeStore", "ProbeAnalysis", "ProbeReport"],
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
      dependencies: ["ProbeCore", "ProbeWire", "ProbeStore", "ProbeDaemon", "Support"],
      swiftSettings: house),
    .testTarget(
      name: "DigitsTrainerTests", dependencies: ["ProbeCore", "DigitsTrainer"],
      swiftSettings: house),
    .testTarget(
      name: "CommandTests", dependencies: ["resnet-probe", "Support"], swiftSettings: house),
    .testTarget(name: "HouseTests", dependencies: ["Support"], swiftSettings: house),
  ]
)
