/** The position of a reader in the feed, up to which it has read everything. */
export interface FeedCursor {
  /** The database of the feed: positions in a restored copy refer to other changes. */
  database: string;
  position: bigint;
}

const pattern = /^([0-9a-f]{12})-(\d{1,18})$/;

/** Returns the opaque text of a cursor. */
export function encodeFeedCursor({ database, position }: FeedCursor): string {
  return Buffer.from(`${database}-${position}`, 'latin1').toString('base64url');
}

/** Returns the cursor in a text; null if the text is not a cursor. */
export function decodeFeedCursor(text: string): FeedCursor | null {
  const decoded = Buffer.from(text, 'base64url');
  if (decoded.toString('base64url') !== text) return null;
  const [, database, position] = pattern.exec(decoded.toString('latin1')) ?? [];
  if (database === undefined || position === undefined) return null;
  return { database, position: BigInt(position) };
}
