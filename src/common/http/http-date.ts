const IMF_FIXDATE =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const RFC_850 =
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d{2})-(\w{3})-(\d{2}) (\d{2}:\d{2}:\d{2}) GMT$/;
const ASCTIME = /^\w{3} (\w{3}) ([ \d]\d) (\d{2}:\d{2}:\d{2}) (\d{4})$/;

/**
 * Reads an HTTP-date in its three forms (RFC 9110 §5.6.7).
 * @returns undefined for anything else: an invalid date makes its condition void
 */
export function parseHttpDate(text: string): Date | undefined {
  const trimmed = text.trim();
  if (IMF_FIXDATE.test(trimmed)) return valid(trimmed);

  const rfc850 = RFC_850.exec(trimmed);
  if (rfc850 !== null) {
    const [, day = '', month = '', year = '', time = ''] = rfc850;
    // §5.6.7: a two-digit year more than 50 years ahead is the past one.
    const century = Math.floor(new Date().getUTCFullYear() / 100) * 100;
    const full = century + Number(year);
    const meant = full > new Date().getUTCFullYear() + 50 ? full - 100 : full;
    return valid(`${day} ${month} ${meant} ${time} GMT`);
  }
  const asctime = ASCTIME.exec(trimmed);
  if (asctime !== null) {
    const [, month = '', day = '', time = '', year = ''] = asctime;
    return valid(`${day.trim()} ${month} ${year} ${time} GMT`);
  }
  return undefined;
}

function valid(text: string): Date | undefined {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
