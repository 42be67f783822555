/** The place of a reader in the feed: everything up to this position was read. */
export interface FeedCursor {
  /** The database whose feed it is: positions of a restored copy mean other changes. */
  database: string;
  position: bigint;
}

const pattern = /^([0-9a-f]{12})-(\d{1,18})$/;

/** Returns a cursor as callers get it; opaque to them. */
export function encodeFeedCursor({ database, position }: FeedCursor): string {
  return Buffer.from(`${database}-${position}`, 'latin1').toString('base64url');
}

/** Returns the cursor in a text; null if it is none of ours. */
export function decodeFeedCursor(text: string): FeedCursor | null {
  const decoded = Buffer.from(text, 'base64url');
  if (decoded.toString('base64url') !== text) return null;
  const [, database, position] = pattern.exec(decoded.toString('latin1')) ?? [];
  if (database === undefined || position === undefined) return null;
  return { database, position: BigInt(position) };
}
