//! Which rows belong together: a forest whose trees are clusters.

/// Clusters of rows, 4 bytes a row up to the last that is in one. The root of each is its first row.
#[derive(Default)]
pub(crate) struct Forest(Vec<u32>);

impl Forest {
    /// Rows up to the last that was joined.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first row of a row's cluster.
    pub(crate) fn first(&mut self, mut row: u32) -> u32 {
        let parents = &mut self.0;
        while parents[row as usize] != row {
            // Halves the path on its way.
            parents[row as usize] = parents[parents[row as usize] as usize];
            row = parents[row as usize];
        }
        row
    }

    /// Makes the clusters of two rows one.
    pub(crate) fn join(&mut self, a: u32, b: u32) {
        self.0.extend(self.0.len() as u32..=a.max(b));
        let (a, b) = (self.first(a), self.first(b));
        self.0[a.max(b) as usize] = a.min(b);
    }

    /// How many rows each cluster has, at the place of its first row.
    pub(crate) fn sizes(&mut self) -> Vec<u32> {
        let mut sizes = vec![0; self.0.len()];
        (0..self.0.len() as u32).for_each(|row| sizes[self.first(row) as usize] += 1);
        sizes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_stands_for_its_cluster() {
        let mut clusters = Forest::default();
        for (a, b) in [(5, 3), (4, 2), (3, 4), (5, 2)] {
            clusters.join(a, b);
        }
        assert_eq!([0, 1, 2, 3, 4, 5].map(|row| clusters.first(row)), [0, 1, 2, 2, 2, 2]);
        assert_eq!(clusters.sizes(), [1, 1, 4, 0, 0, 0]);
    }
}
