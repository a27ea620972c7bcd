/** The pages of the site, in the order of its navigation. */
export interface Page {
  /** Its file is NAME.html. */
  name: string;
  /** Its link in the navigation; null for a page that is reached from another. */
  link: string | null;
  /** The page from which it is reached. */
  within?: string;
}

const chapter = (name: string): Page => ({ name, link: null, within: "book" });

export const pages: readonly Page[] = [
  { name: "index", link: "Tour" },
  { name: "codec", link: "Codec bench" },
  { name: "law", link: "Law bench" },
  { name: "train", link: "Training bench" },
  { name: "compare", link: "Reports" },
  { name: "book", link: "Book" },
  ...["theory", "format", "bound", "architecture", "glossary", "claims"].map(chapter),
];

export const inNavigation = pages.filter(({ link }) => link !== null);
