// Where a quote stands, in words.
export interface Placed {
  source: string;
  page: number | null;
  sheet: string | null;
  row: number | null;
}

export function place({ source, page, sheet, row }: Placed): string {
  const parts = [source];
  if (sheet) parts.push(sheet);
  if (row !== null) parts.push(`row ${row}`);
  else if (page !== null) parts.push(`page ${page}`);
  return parts.join(", ");
}
