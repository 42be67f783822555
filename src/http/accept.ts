/**
 * Returns whether an `Accept` header prefers a media type to JSON. For each type, the most specific matching
 * media range determines the weight (RFC 9110, 12.5.1). Without a preference, JSON wins.
 */
export function prefersToJson(accept: string | undefined, mediaType: string): boolean {
  const ranges = (accept ?? '*/*').split(',').map(parseRange);
  return weightOf(ranges, mediaType) > weightOf(ranges, 'application/json');
}

interface MediaRange {
  type: string;
  weight: number;
}

function parseRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const given = parameters.find((parameter) => parameter.startsWith('q='));
  const weight = given === undefined ? 1 : Number(given.slice(2));
  return { type, weight: weight >= 0 && weight <= 1 ? weight : 0 };
}

/** Returns the weight that the most specific matching range gives to a media type. */
function weightOf(ranges: readonly MediaRange[], mediaType: string): number {
  const [group = ''] = mediaType.split('/');
  for (const type of [mediaType, `${group}/*`, '*/*']) {
    const range = ranges.find((each) => each.type === type);
    if (range !== undefined) return range.weight;
  }
  return 0;
}
