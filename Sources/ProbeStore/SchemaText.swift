/// The schema as text, for people: `schema.sql` as it is, or the part of it on one table or view.
public enum SchemaText {
  /// The whole of `schema.sql`.
  public static var whole: String { Schema.current.sql }

  /// The names of all tables and views in the order of the file.
  public static var names: [String] { parts.map(\.name) }

  /// The names of the views.
  public static var views: [String] { parts.filter(\.isView).map(\.name) }

  /// The comment and the statement of one table or view; nil where there is none of this name.
  public static func part(_ name: String) -> String? {
    parts.first { $0.name == name }?.text
  }

  private static var parts: [SchemaPart] { SchemaPart.parts(of: whole) }
}
