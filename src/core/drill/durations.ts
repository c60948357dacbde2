/** Times in the documents of drills. */
import { type Parser, refine, string } from '../parse.ts';
import { parseDuration } from '../time.ts';

/** Virtual time is counted in seconds; a quarter of a year is more than any drill lasts. */
const LONGEST = 90 * 86400;

/** `90s`, `4h`, `30d`; also `0`. @param maximum seconds */
export function duration(maximum = LONGEST): Parser<number> {
  return refine(string({ maxLength: 40, describe: 'a duration like 90s, 4h or 30d' }), (text) => {
    const found = text === '0' ? 0 : parseDuration(text);
    if (found === undefined || found > maximum)
      return { issue: `expected a duration like 90s, 4h or 30d, at most ${maximum / 86400}d, found another text` };
    return { value: found };
  });
}

/** Like {@link duration}; `-90s` is the other way. */
export function offset(maximum: number): Parser<number> {
  return refine(string({ maxLength: 40, describe: 'a duration like 90s or -90s' }), (text) => {
    const found: number | undefined = text === '0' ? 0 : parseDuration(text.replace(/^-/, ''));
    if (found === undefined || found > maximum)
      return { issue: `expected a duration like 90s or -90s, at most ${maximum}s, found another text` };
    return { value: text.startsWith('-') ? -found : found };
  });
}
