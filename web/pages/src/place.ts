// Where a quote stands, in words.
export interface Placed {
  source: string;
  page: number | null;
  sheet: string | null;
  row: number | null;
  heading?: string;
}

export function place({ source, page, sheet, row, heading }: Placed): string {
  const parts = [source];
  if (sheet) parts.push(sheet);
  if (row !== null) parts.push(`row ${row}`);
  else if (page !== null) parts.push(`page ${page}`);
  else if (heading && !sheet) parts.push(heading);
  return parts.join(", ");
}
