/** The pages of the site, in the order of its navigation. */
export interface Page {
  /** Its file is NAME.html. */
  name: string;
  /** Its link in the navigation. */
  link: string;
}

export const pages: readonly Page[] = [
  { name: "index", link: "Tour" },
  { name: "codec", link: "Codec bench" },
  { name: "law", link: "Law bench" },
  { name: "train", link: "Training bench" },
  { name: "book", link: "Book" },
];
