/** The kinds of features. */
export type FeatureKind = 'boolean' | 'limit' | 'config' | 'metered';

/** The features of a catalog: code → kind. `npx latchkey types` generates it. */
export type FeatureMap = Record<string, FeatureKind>;

/** The codes of the features of some kinds. */
export type CodeOf<Features extends object, Kind extends FeatureKind = FeatureKind> = {
  [Code in keyof Features & string]: Features[Code] extends Kind
    ? Code
    : Kind extends Features[Code]
      ? Code
      : never;
}[keyof Features & string];
